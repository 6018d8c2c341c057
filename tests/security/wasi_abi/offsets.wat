;; Positions, offsets and sizes at the ends of what 64 bits hold, in a file of scratch and in one of
;; the host. Exits with the number of the check that failed, with 100 added for the host's.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_tell" (func $fd_tell (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread"
    (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite"
    (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_allocate" (func $fd_allocate (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_advise"
    (func $fd_advise (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size"
    (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_times"
    (func $fd_filestat_set_times (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get"
    (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "hello.txt")
  (data (i32.const 256) "\00\04\00\00\05\00\00\00")
  (data (i32.const 1024) "bytes")
  (global $more (mut i32) (i32.const 0))
  (func $fail (param $number i32) (call $proc_exit (i32.add (global.get $more) (local.get $number))))
  (func $expect (param $got i32) (param $want i32) (param $number i32)
    (if (i32.ne (local.get $got) (local.get $want)) (then (call $fail (local.get $number)))))
  ;; invalid, too large, no overflow into something else, read-only, or no right to it
  (func $refused (param $got i32) (param $number i32)
    (if (i32.eqz
          (i32.or
            (i32.or (i32.eq (local.get $got) (i32.const 28)) (i32.eq (local.get $got) (i32.const 22)))
            (i32.or
              (i32.or (i32.eq (local.get $got) (i32.const 61)) (i32.eq (local.get $got) (i32.const 69)))
              (i32.or (i32.eq (local.get $got) (i32.const 76)) (i32.eq (local.get $got) (i32.const 51))))))
      (then (call $fail (local.get $number)))))
  (func $positions (param $file i32)
    (call $refused (call $fd_seek (local.get $file) (i64.const 0x8000000000000000) (i32.const 0) (i32.const 16)) (i32.const 1))
    (call $refused (call $fd_seek (local.get $file) (i64.const -1) (i32.const 0) (i32.const 16)) (i32.const 2))
    (call $refused (call $fd_seek (local.get $file) (i64.const 0x8000000000000000) (i32.const 1) (i32.const 16)) (i32.const 3))
    (call $refused (call $fd_seek (local.get $file) (i64.const 0x8000000000000000) (i32.const 2) (i32.const 16)) (i32.const 4))
    ;; As far as a file of the host can be; then one further.
    (if (i32.eqz (call $fd_seek (local.get $file) (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 16)))
      (then
        (call $refused (call $fd_seek (local.get $file) (i64.const 1) (i32.const 1) (i32.const 16)) (i32.const 5))
        (call $refused (call $fd_seek (local.get $file) (i64.const 0x7fffffffffffffff) (i32.const 1) (i32.const 16)) (i32.const 6))))
    (call $refused (call $fd_seek (local.get $file) (i64.const 0x7fffffffffffffff) (i32.const 2) (i32.const 16)) (i32.const 7))
    (call $refused (call $fd_pread (local.get $file) (i32.const 256) (i32.const 1) (i64.const 0x8000000000000000) (i32.const 16)) (i32.const 8))
    (call $refused (call $fd_pread (local.get $file) (i32.const 256) (i32.const 1) (i64.const -1) (i32.const 16)) (i32.const 9))
    (call $refused (call $fd_pwrite (local.get $file) (i32.const 256) (i32.const 1) (i64.const 0x8000000000000000) (i32.const 16)) (i32.const 10))
    (call $refused (call $fd_pwrite (local.get $file) (i32.const 256) (i32.const 1) (i64.const 0x7fffffffffffffff) (i32.const 16)) (i32.const 11))
    (call $refused (call $fd_allocate (local.get $file) (i64.const 0x8000000000000000) (i64.const 1)) (i32.const 12))
    (call $refused (call $fd_allocate (local.get $file) (i64.const 0) (i64.const 0x8000000000000000)) (i32.const 13))
    (call $refused (call $fd_allocate (local.get $file) (i64.const 0x7fffffffffffffff) (i64.const 0x7fffffffffffffff)) (i32.const 14))
    (call $refused (call $fd_filestat_set_size (local.get $file) (i64.const -1)) (i32.const 15))
    (call $refused (call $fd_filestat_set_size (local.get $file) (i64.const 0x8000000000000000)) (i32.const 16))
    ;; A hint is only that.
    (if (call $fd_advise (local.get $file) (i64.const 0) (i64.const 0x7fffffffffffffff) (i32.const 0))
      (then (call $fail (i32.const 17))))
    ;; What is possible is done.
    (call $expect (call $fd_seek (local.get $file) (i64.const 3) (i32.const 0) (i32.const 16)) (i32.const 0) (i32.const 18))
    (call $expect (call $fd_tell (local.get $file) (i32.const 16)) (i32.const 0) (i32.const 19))
    (call $expect (i32.wrap_i64 (i64.load (i32.const 16))) (i32.const 3) (i32.const 20))
    (call $expect (call $fd_pread (local.get $file) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16)) (i32.const 0) (i32.const 21))
    (call $expect (i32.load (i32.const 16)) (i32.const 5) (i32.const 22)))
  (func (export "_start")
    ;; In scratch it becomes the 7th, behind the folders.
    (call $expect
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 9) (i32.const 1)
        (i64.const 0xe001ef) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 0) (i32.const 30))
    (call $expect (i32.load (i32.const 16)) (i32.const 7) (i32.const 31))
    (call $expect (call $fd_pwrite (i32.const 7) (i32.const 256) (i32.const 1) (i64.const 0) (i32.const 16)) (i32.const 0) (i32.const 32))
    (call $positions (i32.const 7))
    ;; Times at the end of time.
    (call $expect (call $fd_filestat_set_times (i32.const 7) (i64.const -1) (i64.const -1) (i32.const 5)) (i32.const 0) (i32.const 33))
    (call $expect (call $fd_filestat_get (i32.const 7) (i32.const 2048)) (i32.const 0) (i32.const 34))
    (call $expect (i64.eq (i64.load (i32.const 2088)) (i64.const -1)) (i32.const 1) (i32.const 35))
    (global.set $more (i32.const 100))
    (call $expect
      (call $path_open (i32.const 5) (i32.const 0) (i32.const 512) (i32.const 9) (i32.const 0)
        (i64.const 0x2000a6) (i64.const 0) (i32.const 0) (i32.const 16))
      (i32.const 0) (i32.const 36))
    (call $positions (i32.load (i32.const 16)))))
