;; arguments:
;; Growth beyond the module's own maximum was put down to the memory limit, and the trap after it with it.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 2)
  (func (export "_start")
    (if (i32.ne (memory.grow (i32.const 5)) (i32.const -1)) (then (call $exit (i32.const 3))))
    (drop (i32.div_u (i32.const 1) (i32.load (i32.const 0))))))
