;; Flags, clocks, signals and sockets that there are not, with a control for each that there is.
;; Exits with the number of the check that failed.
(module
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags"
    (func $fd_fdstat_set_flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek"
    (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get"
    (func $clock_res_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_raise"
    (func $proc_raise (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield"
    (func $sched_yield (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown"
    (func $sock_shutdown (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send"
    (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept"
    (func $sock_accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber"
    (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close"
    (func $fd_close (param i32) (result i32)))
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
      (call $fd_fdstat_set_flags (i32.const 1) (i32.const 32))
      (i32.const 28) (i32.const 1))
    (call $expect
      (call $fd_fdstat_set_flags (i32.const 1) (i32.const 256))
      (i32.const 28) (i32.const 2))
    (call $expect
      (call $fd_fdstat_set_flags (i32.const 1) (i32.const 32768))
      (i32.const 28) (i32.const 3))
    (call $expect
      (call $fd_fdstat_set_flags (i32.const 1) (i32.const 2147483648))
      (i32.const 28) (i32.const 4))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 2) (i32.const 512) (i32.const 5) (i32.const 16))
      (i32.const 28) (i32.const 5))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 2) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 6))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 32) (i32.const 512) (i32.const 5) (i32.const 16))
      (i32.const 28) (i32.const 7))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 32) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 8))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 2147483648) (i32.const 512) (i32.const 5) (i32.const 16))
      (i32.const 28) (i32.const 9))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 2147483648) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 10))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 16) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 11))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 512) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 12))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 2147483648) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 13))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 1073741824) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 14))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 0) (i64.const 1073741824) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 15))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 2147483648) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 16))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 0) (i64.const 2147483648) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 17))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 4294967296) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 18))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 0) (i64.const 4294967296) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 19))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 9223372036854775808) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 20))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 0) (i64.const 9223372036854775808) (i32.const 0) (i32.const 16))
      (i32.const 28) (i32.const 21))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 32) (i32.const 16))
      (i32.const 28) (i32.const 22))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 65536) (i32.const 16))
      (i32.const 28) (i32.const 23))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 5) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 2147483648) (i32.const 16))
      (i32.const 28) (i32.const 24))
    (call $expect
      (call $fd_seek (i32.const 1) (i64.const 0) (i32.const 3) (i32.const 16))
      (i32.const 28) (i32.const 25))
    (call $expect
      (call $fd_seek (i32.const 1) (i64.const 0) (i32.const 255) (i32.const 16))
      (i32.const 28) (i32.const 26))
    (call $expect
      (call $fd_seek (i32.const 1) (i64.const 0) (i32.const -1) (i32.const 16))
      (i32.const 28) (i32.const 27))
    (call $expect
      (call $clock_time_get (i32.const 4) (i64.const 0) (i32.const 16))
      (i32.const 28) (i32.const 28))
    (call $expect
      (call $clock_res_get (i32.const 4) (i32.const 16))
      (i32.const 28) (i32.const 29))
    (call $expect
      (call $clock_time_get (i32.const 5) (i64.const 0) (i32.const 16))
      (i32.const 28) (i32.const 30))
    (call $expect
      (call $clock_res_get (i32.const 5) (i32.const 16))
      (i32.const 28) (i32.const 31))
    (call $expect
      (call $clock_time_get (i32.const -1) (i64.const 0) (i32.const 16))
      (i32.const 28) (i32.const 32))
    (call $expect
      (call $clock_res_get (i32.const -1) (i32.const 16))
      (i32.const 28) (i32.const 33))
    (call $expect
      (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 16))
      (i32.const 0) (i32.const 34))
    (call $expect
      (call $clock_res_get (i32.const 0) (i32.const 16))
      (i32.const 0) (i32.const 35))
    (call $expect
      (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 16))
      (i32.const 0) (i32.const 36))
    (call $expect
      (call $clock_res_get (i32.const 1) (i32.const 16))
      (i32.const 0) (i32.const 37))
    (call $expect
      (call $clock_time_get (i32.const 2) (i64.const 0) (i32.const 16))
      (i32.const 0) (i32.const 38))
    (call $expect
      (call $clock_res_get (i32.const 2) (i32.const 16))
      (i32.const 0) (i32.const 39))
    (call $expect
      (call $clock_time_get (i32.const 3) (i64.const 0) (i32.const 16))
      (i32.const 0) (i32.const 40))
    (call $expect
      (call $clock_res_get (i32.const 3) (i32.const 16))
      (i32.const 0) (i32.const 41))
    (call $expect
      (call $proc_raise (i32.const 0))
      (i32.const 58) (i32.const 42))
    (call $expect
      (call $proc_raise (i32.const 1))
      (i32.const 58) (i32.const 43))
    (call $expect
      (call $proc_raise (i32.const 9))
      (i32.const 58) (i32.const 44))
    (call $expect
      (call $proc_raise (i32.const 31))
      (i32.const 58) (i32.const 45))
    (call $expect
      (call $proc_raise (i32.const -1))
      (i32.const 58) (i32.const 46))
    (call $expect
      (call $sched_yield)
      (i32.const 0) (i32.const 47))
    (call $expect
      (call $sock_shutdown (i32.const 1) (i32.const 3))
      (i32.const 58) (i32.const 48))
    (call $expect
      (call $sock_shutdown (i32.const 3) (i32.const 3))
      (i32.const 57) (i32.const 49))
    (call $expect
      (call $sock_send (i32.const 1) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16))
      (i32.const 58) (i32.const 50))
    (call $expect
      (call $sock_accept (i32.const 0) (i32.const 0) (i32.const 16))
      (i32.const 58) (i32.const 51))
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 9) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 0) (i32.const 52))))
