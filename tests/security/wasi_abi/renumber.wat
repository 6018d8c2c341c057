;; fd_renumber onto itself, a standard descriptor, the preopen, and from and to what is closed.
;; Exits with the number of the check that failed.
(module
  (import "wasi_snapshot_preview1" "fd_renumber"
    (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get"
    (func $fd_fdstat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close"
    (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit"
    (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "hello.txt")
  (func $expect (param $got i32) (param $want i32) (param $number i32)
    (if (i32.ne (local.get $got) (local.get $want))
      (then (call $proc_exit (local.get $number)))))
  (func (export "_start")
    ;; The shown folder is 5, behind scratch (3 and 4); it and nothing else is left, as 3.
    (call $expect (call $fd_renumber (i32.const 5) (i32.const 3)) (i32.const 0) (i32.const 240))
    (call $expect (call $fd_close (i32.const 4)) (i32.const 0) (i32.const 241))
    (call $expect (call $fd_close (i32.const 6)) (i32.const 0) (i32.const 242))
    (call $expect
      (call $fd_renumber (i32.const 3) (i32.const 3))
      (i32.const 0) (i32.const 1))
    (call $expect
      (call $fd_renumber (i32.const 2) (i32.const 2))
      (i32.const 0) (i32.const 2))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 9) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 0) (i32.const 3))
    (call $expect
      (call $fd_renumber (i32.const 4) (i32.const 2))
      (i32.const 0) (i32.const 4))
    (call $expect
      (call $fd_fdstat_get (i32.const 4) (i32.const 16))
      (i32.const 8) (i32.const 5))
    (call $expect
      (call $fd_renumber (i32.const 4) (i32.const 2))
      (i32.const 8) (i32.const 6))
    (call $expect
      (call $fd_renumber (i32.const 2) (i32.const 4))
      (i32.const 8) (i32.const 7))
    (call $expect
      (call $fd_renumber (i32.const 3) (i32.const 2))
      (i32.const 0) (i32.const 8))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 9) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 8) (i32.const 9))
    (call $expect
      (call $path_open (i32.const 2) (i32.const 0) (i32.const 512) (i32.const 9) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 0) (i32.const 10))
    (call $expect
      (call $fd_close (i32.const 2))
      (i32.const 0) (i32.const 11))
    (call $expect
      (call $fd_close (i32.const 2))
      (i32.const 8) (i32.const 12))
    (call $expect
      (call $fd_close (i32.const 0))
      (i32.const 0) (i32.const 13))
    (call $expect
      (call $fd_read (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 16))
      (i32.const 8) (i32.const 14))))
