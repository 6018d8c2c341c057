;; arguments:
;; Instantiation traps.
(module
  (memory (export "memory") 1 2)
  (table 2 funcref)
  (elem (i32.const 1) func $f $f)
  (func $f)
  (func (export "_start")))
