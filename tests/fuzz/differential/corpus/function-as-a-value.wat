;; arguments:
;; ref.func could not be compiled.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 2)
  (table 2 funcref)
  (elem declare func $f)
  (func $f (result i32) (i32.const 5))
  (func (export "_start")
    (table.set 0 (i32.const 1) (ref.func $f))
    (call $exit (call_indirect (result i32) (i32.const 1)))))
