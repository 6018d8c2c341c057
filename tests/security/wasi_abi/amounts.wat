;; Counts and lengths: absurd, one too many, none, and as many as fit.
;; Exits with the number of the check that failed.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get"
    (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir"
    (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber"
    (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close"
    (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit"
    (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $expect (param $got i32) (param $want i32) (param $number i32)
    (if (i32.ne (local.get $got) (local.get $want))
      (then (call $proc_exit (local.get $number)))))
  (func (export "_start")
    ;; The shown folder is 5, behind scratch (3 and 4); it and nothing else is left, as 3.
    (call $expect (call $fd_renumber (i32.const 5) (i32.const 3)) (i32.const 0) (i32.const 240))
    (call $expect (call $fd_close (i32.const 4)) (i32.const 0) (i32.const 241))
    (call $expect (call $fd_close (i32.const 6)) (i32.const 0) (i32.const 242))
    (call $expect
      (call $fd_write (i32.const 1) (i32.const 256) (i32.const -1) (i32.const 16))
      (i32.const 21) (i32.const 1))
    (call $expect
      (call $fd_write (i32.const 1) (i32.const 0) (i32.const 536870912) (i32.const 16))
      (i32.const 21) (i32.const 2))
    (call $expect
      (call $fd_write (i32.const 1) (i32.const 0) (i32.const 8192) (i32.const 16))
      (i32.const 28) (i32.const 3))
    (call $expect
      (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1025) (i32.const 16))
      (i32.const 28) (i32.const 4))
    (call $expect
      (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 16))
      (i32.const 0) (i32.const 5))
    (call $expect
      (call $fd_read (i32.const 0) (i32.const 256) (i32.const -1) (i32.const 16))
      (i32.const 21) (i32.const 6))
    (call $expect
      (call $fd_read (i32.const 0) (i32.const 0) (i32.const 8193) (i32.const 16))
      (i32.const 21) (i32.const 7))
    (call $expect
      (call $fd_write (i32.const 1) (i32.const 65528) (i32.const 1) (i32.const 16))
      (i32.const 0) (i32.const 8))
    (call $expect
      (call $fd_write (i32.const 1) (i32.const 65529) (i32.const 1) (i32.const 16))
      (i32.const 21) (i32.const 9))
    (call $expect
      (call $fd_write (i32.const 1) (i32.const 65528) (i32.const 2) (i32.const 16))
      (i32.const 21) (i32.const 10))
    (i32.store (i32.const 300) (i32.const 65535))
    (i32.store (i32.const 304) (i32.const 2))
    (call $expect
      (call $fd_write (i32.const 1) (i32.const 300) (i32.const 1) (i32.const 16))
      (i32.const 21) (i32.const 11))
    (i32.store (i32.const 304) (i32.const -1))
    (call $expect
      (call $fd_write (i32.const 1) (i32.const 300) (i32.const 1) (i32.const 16))
      (i32.const 21) (i32.const 12))
    (i32.store (i32.const 300) (i32.const 0))
    (call $expect
      (call $fd_write (i32.const 1) (i32.const 300) (i32.const 1) (i32.const 16))
      (i32.const 21) (i32.const 13))
    (call $expect
      (call $random_get (i32.const 0) (i32.const -1))
      (i32.const 21) (i32.const 14))
    (call $expect
      (call $random_get (i32.const 65536) (i32.const 0))
      (i32.const 0) (i32.const 15))
    (call $expect
      (call $random_get (i32.const 1) (i32.const 65536))
      (i32.const 21) (i32.const 16))
    (call $expect
      (call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 17))
    (call $expect
      (call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 67108864) (i32.const 16))
      (i32.const 21) (i32.const 18))
    (call $expect
      (call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 16))
      (i32.const 21) (i32.const 19))
    (call $expect
      (call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 1025) (i32.const 16))
      (i32.const 28) (i32.const 20))
    (call $expect
      (call $poll_oneoff (i32.const 65488) (i32.const 65520) (i32.const 1) (i32.const 16))
      (i32.const 21) (i32.const 21))
    (call $expect
      (call $poll_oneoff (i32.const 65489) (i32.const 0) (i32.const 1) (i32.const 16))
      (i32.const 21) (i32.const 22))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 4097) (i32.const 16))
      (i32.const 37) (i32.const 23))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 0) (i32.const 16))
      (i32.const 44) (i32.const 24))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 512) (i32.const -1) (i32.const 16))
      (i32.const 21) (i32.const 25))
    (call $expect
      (call $fd_readdir (i32.const 3) (i32.const 4096) (i32.const 0) (i64.const 0) (i32.const 16))
      (i32.const 0) (i32.const 26))
    (call $expect
      (call $fd_readdir (i32.const 3) (i32.const 4096) (i32.const 64) (i64.const -1) (i32.const 16))
      (i32.const 0) (i32.const 27))
    (call $expect
      (i32.load (i32.const 16))
      (i32.const 0) (i32.const 28))
    (call $expect
      (call $fd_readdir (i32.const 3) (i32.const 4096) (i32.const 64) (i64.const 0x8000000000000000) (i32.const 16))
      (i32.const 0) (i32.const 29))
    (call $expect
      (i32.load (i32.const 16))
      (i32.const 0) (i32.const 30))
    (call $expect
      (call $fd_readdir (i32.const 3) (i32.const 0) (i32.const 65536) (i64.const 0) (i32.const 65532))
      (i32.const 0) (i32.const 31))))
