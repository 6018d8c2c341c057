;; arguments:
;; Instantiation traps, after what lies before has been copied.
(module
  (memory (export "memory") 1 2)
  (data (i32.const 65530) "ends")
  (data (i32.const 65533) "ends")
  (func (export "_start")))
