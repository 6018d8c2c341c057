;; arguments:
;; wasm2c gives the segment another name; the object had it under the usual one and could not be loaded.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 2)
  (data (i32.const 8) "\05")
  (data (i32.const 9) "\02")
  (global (export "d0") i32 (i32.const 1))
  (func (export "_start")
    (call $exit (i32.add (i32.load8_u (i32.const 8)) (i32.load8_u (i32.const 9))))))
