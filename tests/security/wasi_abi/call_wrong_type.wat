;; The function in the table has another type than the caller says.
(module
  (type $two (func (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table 2 funcref)
  (elem (i32.const 0) $none)
  (func $none)
  (func (export "_start")
    (drop (call_indirect (type $two) (i32.const 1) (i32.const 2) (i32.const 0)))))
