;; arguments:
;; An imported function in a table, from a segment and from ref.func, and exported again.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (memory (export "memory") 1 2)
  (export "again" (func $exit))
  (table 4 funcref)
  (elem (i32.const 1) func $close $exit)
  (elem declare func $close)
  (func (export "_start") (local i32)
    (table.set 0 (i32.const 3) (ref.func $close))
    (local.set 0 (call_indirect (param i32) (result i32) (i32.const 77) (i32.const 1)))
    (local.set 0 (i32.add (local.get 0) (call_indirect (param i32) (result i32) (i32.const 77) (i32.const 3))))
    (call_indirect (param i32) (local.get 0) (i32.const 2))))
