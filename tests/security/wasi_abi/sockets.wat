;; No number is a socket. Exits with the number of the check that failed.
(module
  (import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv"
    (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send"
    (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $sock_shutdown (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 256) "\00\04\00\00\05\00\00\00")
  ;; closed, no socket, or not supported
  (func $refused (param $got i32) (param $number i32)
    (if (i32.eqz
          (i32.or (i32.eq (local.get $got) (i32.const 8))
            (i32.or (i32.eq (local.get $got) (i32.const 57)) (i32.eq (local.get $got) (i32.const 58)))))
      (then (call $proc_exit (local.get $number)))))
  (func (export "_start")
    (local $fd i32)
    (loop $next
      (call $refused (call $sock_accept (local.get $fd) (i32.const 0) (i32.const 16)) (i32.const 1))
      (call $refused
        (call $sock_recv (local.get $fd) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16) (i32.const 20))
        (i32.const 2))
      (call $refused
        (call $sock_send (local.get $fd) (i32.const 256) (i32.const 1) (i32.const 0) (i32.const 16))
        (i32.const 3))
      (call $refused (call $sock_shutdown (local.get $fd) (i32.const 3)) (i32.const 4))
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $fd) (i32.const 1100))))
    ;; The control: some of them were there to be asked.
    (if (call $fd_fdstat_get (i32.const 1) (i32.const 1024)) (then (call $proc_exit (i32.const 5))))
    (if (call $fd_fdstat_get (i32.const 5) (i32.const 1024)) (then (call $proc_exit (i32.const 6))))))
