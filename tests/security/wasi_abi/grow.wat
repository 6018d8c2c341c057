;; memory.grow beneath a limit of 1 MiB: page by page up to it, never past it, absurd amounts never.
;; Exits with the number of the check that failed.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $check (param $good i32) (param $number i32)
    (if (i32.eqz (local.get $good)) (then (call $proc_exit (local.get $number)))))
  (func (export "_start")
    (local $pages i32)
    (call $check (i32.eq (memory.grow (i32.const 0)) (i32.const 1)) (i32.const 1))
    (call $check (i32.eq (memory.grow (i32.const 65536)) (i32.const -1)) (i32.const 2))
    (call $check (i32.eq (memory.grow (i32.const -1)) (i32.const -1)) (i32.const 3))
    (call $check (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (i32.const 4))
    (local.set $pages (i32.const 1))
    (loop $again
      (if (i32.eq (memory.grow (i32.const 1)) (local.get $pages))
        (then
          ;; A new page is zero and can be written to its last byte.
          (call $check
            (i64.eqz (i64.load (i32.mul (local.get $pages) (i32.const 65536)))) (i32.const 5))
          (local.set $pages (i32.add (local.get $pages) (i32.const 1)))
          (i32.store8 (i32.sub (i32.mul (local.get $pages) (i32.const 65536)) (i32.const 1))
            (i32.const 1))
          (br $again))))
    (call $check (i32.eq (local.get $pages) (i32.const 16)) (i32.const 6))
    (call $check (i32.eq (memory.size) (i32.const 16)) (i32.const 7))
    (call $check (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (i32.const 8))
    (call $check (i32.eq (memory.grow (i32.const 0)) (i32.const 16)) (i32.const 9))))
