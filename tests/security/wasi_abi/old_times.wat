;; A file of the host, hello.txt, was changed before 1970: time 0. Exits with the number of the
;; check that failed.
(module
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "hello.txt")
  (func $expect (param $got i32) (param $want i32) (param $number i32)
    (if (i32.ne (local.get $got) (local.get $want))
      (then (call $proc_exit (local.get $number)))))
  (func (export "_start")
    (call $expect
      (call $path_filestat_get (i32.const 5) (i32.const 0) (i32.const 512) (i32.const 9) (i32.const 1024))
      (i32.const 0) (i32.const 1))
    (call $expect (i64.eqz (i64.load (i32.const 1064))) (i32.const 1) (i32.const 2))
    ;; The control: this is not 1970.
    (call $expect (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 16)) (i32.const 0) (i32.const 3))
    (call $expect
      (i64.gt_u (i64.load (i32.const 16)) (i64.const 1600000000000000000)) (i32.const 1) (i32.const 4))))
