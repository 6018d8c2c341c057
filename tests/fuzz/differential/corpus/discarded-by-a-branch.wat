;; arguments:
;; A branch discards what lies below its operands; the load went, and its trap with it.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 2)
  (func (export "_start")
    (block $done
      (i64.load16_u offset=15 (i32.shl (memory.size) (i32.const 16)))
      (i32.const 0)
      (br $done))))
