;; arguments:
;; The value of a load is dropped after the one above it; the load went, and its trap with it.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 2)
  (func (export "_start")
    (i32.load16_s offset=33 (i32.const 0xfa2306f9))
    (i32.const 0)
    (drop)
    (drop)))
