;; path_open with no place for its result, again and again: no file is made, no number taken.
;; Exits with the number of the check that failed.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "hello.txt")
  (data (i32.const 640) "new.txt")
  (func $expect (param $got i32) (param $want i32) (param $number i32)
    (if (i32.ne (local.get $got) (local.get $want))
      (then (call $proc_exit (local.get $number)))))
  (func $open_host (param $result i32) (result i32)
    (call $path_open (i32.const 5) (i32.const 0) (i32.const 512) (i32.const 9) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (local.get $result)))
  (func $open_scratch (param $result i32) (result i32)
    (call $path_open (i32.const 3) (i32.const 0) (i32.const 640) (i32.const 7) (i32.const 1)
      (i64.const 66) (i64.const 0) (i32.const 0) (local.get $result)))
  (func (export "_start")
    (local $round i32)
    (loop $again
      (call $expect (call $open_host (i32.const 65533)) (i32.const 21) (i32.const 1))
      (call $expect (call $open_host (i32.const -1)) (i32.const 21) (i32.const 2))
      (call $expect (call $open_scratch (i32.const 65533)) (i32.const 21) (i32.const 3))
      (call $expect (call $open_scratch (i32.const -4)) (i32.const 21) (i32.const 4))
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $round) (i32.const 2000))))
    (call $expect
      (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 640) (i32.const 7) (i32.const 1024))
      (i32.const 44) (i32.const 5))
    ;; Where there is a place, at the very end of memory.
    (call $expect (call $open_host (i32.const 65532)) (i32.const 0) (i32.const 6))
    (call $expect (i32.load (i32.const 65532)) (i32.const 7) (i32.const 7))
    (call $expect (call $open_scratch (i32.const 65532)) (i32.const 0) (i32.const 8))
    (call $expect (i32.load (i32.const 65532)) (i32.const 8) (i32.const 9))))
