;; random_get of nothing, of a lot, and beyond the end. Exits with the number of the check that
;; failed.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 320) ;; 20 MiB
  (func $expect (param $got i32) (param $want i32) (param $number i32)
    (if (i32.ne (local.get $got) (local.get $want))
      (then (call $proc_exit (local.get $number)))))
  (func (export "_start")
    (call $expect (call $random_get (i32.const 0) (i32.const 0)) (i32.const 0) (i32.const 1))
    (call $expect (i64.eqz (i64.load (i32.const 0))) (i32.const 1) (i32.const 2))
    (call $expect (call $random_get (i32.const 0) (i32.const 1048576)) (i32.const 0) (i32.const 3))
    ;; Its last bytes are there, and the next ones are as they were.
    (call $expect (i64.eqz (i64.load (i32.const 1048568))) (i32.const 0) (i32.const 4))
    (call $expect (i64.eqz (i64.load (i32.const 1048576))) (i32.const 1) (i32.const 5))
    (call $expect (call $random_get (i32.const 0) (i32.const 16777216)) (i32.const 0) (i32.const 6))
    (call $expect (call $random_get (i32.const 0) (i32.const 16777217)) (i32.const 28) (i32.const 7))
    (call $expect (call $random_get (i32.const 0) (i32.const 0xc0000000)) (i32.const 21) (i32.const 8))
    (call $expect (call $random_get (i32.const 20971519) (i32.const 2)) (i32.const 21) (i32.const 9))
    (call $expect (call $random_get (i32.const 20971519) (i32.const 1)) (i32.const 0) (i32.const 10))))
