;; arguments:
;; The value leaves the block and is dropped there.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 2)
  (func (export "_start")
    (drop (block (result i32) (i64.const 3) (br 0 (i32.load8_u (i32.const 0x10000)))))))
