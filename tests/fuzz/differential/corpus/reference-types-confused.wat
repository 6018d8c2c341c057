;; arguments:
;; funcref and externref were one to the check of an indirect call: the function read a reference that nobody had passed.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 2)
  (table 1 funcref)
  (elem (i32.const 0) func $f)
  (func $f (param funcref) (result i32) (ref.is_null (local.get 0)))
  (func (export "_start")
    (call $exit (call_indirect (param externref) (result i32) (ref.null extern) (i32.const 0)))))
