(module
  (type $plain (func))
  (memory (export "memory") 1)
  (table 1 funcref)
  (elem (i32.const 0) $none)
  (func $none)
  (func (export "_start") (call_indirect (type $plain) (i32.const -1))))
