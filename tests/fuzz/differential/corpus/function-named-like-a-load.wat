;; arguments:
;; A call of a function exported as "_load" was taken for a load and could not be compiled.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 2)
  (func $f (export "_load") (result i32) (i32.const 1))
  (func (export "_start")
    (drop (call $f))
    (call $exit (i32.const 4))))
