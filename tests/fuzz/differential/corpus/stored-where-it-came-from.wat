;; arguments:
;; Within memory. Beyond it our translation leaves out both, which is known; see docs/decisions/0002.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 2)
  (func (export "_start")
    (i32.store (i32.const 65532) (i32.const 6))
    (i32.store (i32.const 65532) (i32.load (i32.const 65532)))
    (call $exit (i32.load (i32.const 65532)))))
