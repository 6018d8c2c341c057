;; memory.fill whose end wraps around.
(module
  (memory (export "memory") 1)
  (func (export "_start") (memory.fill (i32.const 16) (i32.const 1) (i32.const -1))))
