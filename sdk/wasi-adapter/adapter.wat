;; Answers `wasi_snapshot_preview1` for filters whose toolchain cannot do without it (Go, wasi-libc), out of what the world
;; gives a filter: the clocks, chance and the log. There are no files, sockets, arguments or environment. README.md says more.
;;
;; It keeps no memory of its own and takes none: Go's runtime believes that all that is added to the memory is its own.
(module
  (import "env" "memory" (memory 0))
  (import "belay:filter/host@0.1.0" "log" (func $host_log (param $level i32) (param $text i32) (param $length i32)))
  (import "belay:filter/host@0.1.0" "now-ms" (func $host_now_ms (result i64)))
  (import "belay:filter/host@0.1.0" "unix-ms" (func $host_unix_ms (result i64)))
  (import "belay:filter/host@0.1.0" "random" (func $host_random (result i64)))

  ;; 1: the host must not be called. A component may not leave while the host asks it for memory, and a runtime with a
  ;; garbage collector looks at the clock whenever it likes.
  (global $held (mut i32) (i32.const 0))
  ;; What the clocks said last, in nanoseconds.
  (global $monotonic (mut i64) (i64.const 0))
  (global $realtime (mut i64) (i64.const 0))
  ;; Chance while held: xorshift64.
  (global $chance (mut i64) (i64.const 0x9e3779b97f4a7c15))
  ;; Where lines are put together, lent by the filter's SDK. Without it (0) each piece that is written is a line.
  (global $line (mut i32) (i32.const 0))
  (global $line_size (mut i32) (i32.const 0))
  (global $line_used (mut i32) (i32.const 0))
  (global $line_level (mut i32) (i32.const 0))

  ;; For SDKs: from now on the host must not be called. Clocks stand (nearly) still, and what is written is lost.
  (func (export "belay_hold") (global.set $held (i32.const 1)))
  ;; For SDKs: it may be again.
  (func (export "belay_release") (global.set $held (i32.const 0)))
  ;; For SDKs: so many bytes for a line, lent for good.
  (func (export "belay_lend_line") (param $at i32) (param $size i32)
    (global.set $line (local.get $at))
    (global.set $line_size (local.get $size))
    (global.set $line_used (i32.const 0)))

  ;; Clocks.

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $out i32) (result i32)
    (if (i32.gt_u (local.get $clock) (i32.const 1)) (then (return (i32.const 28)))) ;; EINVAL
    (if (i32.eqz (local.get $clock))
      (then
        (if (i32.eqz (global.get $held))
          (then (global.set $realtime (i64.mul (call $host_unix_ms) (i64.const 1000000)))))
        (i64.store (local.get $out) (global.get $realtime)))
      (else
        (call $tick)
        (i64.store (local.get $out) (global.get $monotonic))))
    (i32.const 0))
  ;; It never says the same twice, nor zero, which Go does not believe.
  (func $tick
    (local $now i64)
    (global.set $monotonic (i64.add (global.get $monotonic) (i64.const 1)))
    (if (i32.eqz (global.get $held))
      (then
        (local.set $now (i64.mul (call $host_now_ms) (i64.const 1000000)))
        (if (i64.gt_u (local.get $now) (global.get $monotonic))
          (then (global.set $monotonic (local.get $now)))))))
  (func (export "clock_res_get") (param $clock i32) (param $out i32) (result i32)
    (i64.store (local.get $out) (i64.const 1000000))
    (i32.const 0))

  ;; Chance.

  (func (export "random_get") (param $at i32) (param $size i32) (result i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $size)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (call $roll)
        ;; One byte of each: asked for once, at start, and little at that.
        (i32.store8 (local.get $at) (i32.wrap_i64 (i64.shr_u (global.get $chance) (i64.const 32))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.const 0))
  (func $roll
    (if (global.get $held)
      (then
        (global.set $chance (i64.xor (global.get $chance) (i64.shl (global.get $chance) (i64.const 13))))
        (global.set $chance (i64.xor (global.get $chance) (i64.shr_u (global.get $chance) (i64.const 7))))
        (global.set $chance (i64.xor (global.get $chance) (i64.shl (global.get $chance) (i64.const 17)))))
      (else (global.set $chance (i64.or (call $host_random) (i64.const 1))))))

  ;; Standard output is logged at `info`, standard error at `error`, by lines.

  (func (export "fd_write") (param $fd i32) (param $iovs i32) (param $count i32) (param $written i32) (result i32)
    (local $level i32)
    (local $size i32)
    (local $total i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8)))) ;; EBADF
    (local.set $level (select (i32.const 1) (i32.const 3) (i32.eq (local.get $fd) (i32.const 1))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $size (i32.load offset=4 (local.get $iovs)))
        (call $write (local.get $level) (i32.load (local.get $iovs)) (local.get $size))
        (local.set $total (i32.add (local.get $total) (local.get $size)))
        (local.set $iovs (i32.add (local.get $iovs) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $total))
    (i32.const 0))

  ;; Takes bytes into the line, and logs each line that is whole. A line that does not fit is logged in parts.
  (func $write (param $level i32) (param $at i32) (param $size i32)
    (local $end i32)
    (local $from i32)
    (local $byte i32)
    (if (global.get $held) (then (return)))
    (local.set $end (i32.add (local.get $at) (local.get $size)))
    (if (i32.eqz (global.get $line_size))
      (then
        (local.set $from (local.get $at))
        (block $done
          (loop $next
            (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
            (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 10))
              (then
                (call $log (local.get $level) (local.get $from) (local.get $at))
                (local.set $from (i32.add (local.get $at) (i32.const 1)))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $next)))
        (call $log (local.get $level) (local.get $from) (local.get $end))
        (return)))
    (if (i32.ne (local.get $level) (global.get $line_level))
      (then
        (call $flush)
        (global.set $line_level (local.get $level))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $byte (i32.load8_u (local.get $at)))
        (if (i32.eq (local.get $byte) (i32.const 10))
          (then (call $flush))
          (else
            (if (i32.ge_u (global.get $line_used) (global.get $line_size)) (then (call $flush)))
            (i32.store8 (i32.add (global.get $line) (global.get $line_used)) (local.get $byte))
            (global.set $line_used (i32.add (global.get $line_used) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next))))
  (func $flush
    (local $used i32)
    (local.set $used (global.get $line_used))
    (global.set $line_used (i32.const 0))
    (if (i32.eqz (global.get $held))
      (then (call $log (global.get $line_level) (global.get $line) (i32.add (global.get $line) (local.get $used))))))

  ;; Logs what is UTF-8 of these bytes: text that is not would be the filter's end.
  (func $log (param $level i32) (param $at i32) (param $end i32)
    (local $valid i32)
    (loop $next
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (local.set $valid (call $utf8 (local.get $at) (local.get $end)))
          (if (i32.gt_u (local.get $valid) (local.get $at))
            (then
              (call $host_log (local.get $level) (local.get $at) (i32.sub (local.get $valid) (local.get $at)))))
          (local.set $at (i32.add (local.get $valid) (i32.const 1)))
          (br $next)))))
  ;; How far it is UTF-8 (RFC 3629, section 4).
  (func $utf8 (param $at i32) (param $end i32) (result i32)
    (local $byte i32)
    (local $more i32)
    (local $low i32)
    (local $high i32)
    (local $next i32)
    (loop $character
      (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (local.get $at))))
      (local.set $byte (i32.load8_u (local.get $at)))
      (local.set $next (i32.add (local.get $at) (i32.const 1)))
      (if (i32.ge_u (local.get $byte) (i32.const 0x80))
        (then
          (if (i32.or (i32.lt_u (local.get $byte) (i32.const 0xc2)) (i32.gt_u (local.get $byte) (i32.const 0xf4)))
            (then (return (local.get $at))))
          (local.set $more
            (i32.add (i32.const 1)
              (i32.add (i32.ge_u (local.get $byte) (i32.const 0xe0)) (i32.ge_u (local.get $byte) (i32.const 0xf0)))))
          (if (i32.gt_u (local.get $more) (i32.sub (local.get $end) (local.get $next)))
            (then (return (local.get $at))))
          ;; What the second byte may be.
          (local.set $low (i32.const 0x80))
          (local.set $high (i32.const 0xbf))
          (if (i32.eq (local.get $byte) (i32.const 0xe0)) (then (local.set $low (i32.const 0xa0))))
          (if (i32.eq (local.get $byte) (i32.const 0xed)) (then (local.set $high (i32.const 0x9f))))
          (if (i32.eq (local.get $byte) (i32.const 0xf0)) (then (local.set $low (i32.const 0x90))))
          (if (i32.eq (local.get $byte) (i32.const 0xf4)) (then (local.set $high (i32.const 0x8f))))
          (loop $continuation
            (local.set $byte (i32.load8_u (local.get $next)))
            (if
              (i32.or
                (i32.lt_u (local.get $byte) (local.get $low))
                (i32.gt_u (local.get $byte) (local.get $high)))
              (then (return (local.get $at))))
            (local.set $low (i32.const 0x80))
            (local.set $high (i32.const 0xbf))
            (local.set $next (i32.add (local.get $next) (i32.const 1)))
            (local.set $more (i32.sub (local.get $more) (i32.const 1)))
            (br_if $continuation (local.get $more)))))
      (local.set $at (local.get $next))
      (br $character))
    (unreachable))

  ;; Exit, abort and an uncaught panic end here: the last line is logged, the call traps, the instance is replaced.
  (func $exit (export "proc_exit") (param $status i32)
    (call $flush)
    (unreachable))
  (func (export "proc_raise") (param i32) (result i32)
    (call $flush)
    (unreachable))

  ;; No arguments, no environment, nobody else to yield to.
  (func $none (param $count i32) (param $size i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $size) (i32.const 0))
    (i32.const 0))
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (func $nothing (param i32 i32) (result i32) (i32.const 0))
  (export "args_get" (func $nothing))
  (export "environ_get" (func $nothing))
  (func (export "sched_yield") (result i32) (i32.const 0))

  ;; The three standard descriptors are terminals, so that C's library writes by lines.
  (func (export "fd_fdstat_get") (param $fd i32) (param $out i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (i64.store (local.get $out) (i64.const 2)) ;; A character device, no flags,
    (i64.store offset=8 (local.get $out) (i64.const 0x42)) ;; to be read and written,
    (i64.store offset=16 (local.get $out) (i64.const 0)) ;; nothing to inherit.
    (i32.const 0))
  (func (export "fd_fdstat_set_flags") (param $fd i32) (param i32) (result i32)
    (select (i32.const 8) (i32.const 0) (i32.gt_u (local.get $fd) (i32.const 2))))
  (func (export "fd_close") (param $fd i32) (result i32)
    (select (i32.const 8) (i32.const 0) (i32.gt_u (local.get $fd) (i32.const 2))))
  ;; Standard input is at its end.
  (func (export "fd_read") (param $fd i32) (param i32 i32) (param $read i32) (result i32)
    (if (local.get $fd) (then (return (i32.const 8))))
    (i32.store (local.get $read) (i32.const 0))
    (i32.const 0))

  ;; No descriptor is a file: EBADF.
  (func $bad_i (param i32) (result i32) (i32.const 8))
  (export "fd_datasync" (func $bad_i))
  (export "fd_sync" (func $bad_i))
  (func $bad_ii (param i32 i32) (result i32) (i32.const 8))
  (export "fd_filestat_get" (func $bad_ii))
  (export "fd_prestat_get" (func $bad_ii))
  (export "fd_renumber" (func $bad_ii))
  (export "fd_tell" (func $bad_ii))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func $bad_ill (param i32 i64 i64) (result i32) (i32.const 8))
  (export "fd_allocate" (func $bad_ill))
  (export "fd_fdstat_set_rights" (func $bad_ill))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
  (func $bad_iiili (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (export "fd_pread" (func $bad_iiili))
  (export "fd_pwrite" (func $bad_iiili))
  (export "fd_readdir" (func $bad_iiili))

  ;; Who waits for a time is told at once that it has come: Go's runtime rests like this before it says what a panic was. A filter
  ;; that sleeps in earnest asks for the time again and again, until its calls or its deadline are used up.
  (func (export "poll_oneoff") (param $subscriptions i32) (param $events i32) (param $count i32) (param $out i32) (result i32)
    (if (i32.or (i32.eqz (local.get $count)) (i32.load8_u offset=8 (local.get $subscriptions)))
      (then (return (i32.const 52)))) ;; ENOSYS: not a clock.
    (i64.store (local.get $events) (i64.load (local.get $subscriptions)))
    (i64.store offset=8 (local.get $events) (i64.const 0))
    (i32.store (local.get $out) (i32.const 1))
    (i32.const 0))

  ;; And nothing else is there: ENOSYS.
  (func $no_iii (param i32 i32 i32) (result i32) (i32.const 52))
  (export "path_create_directory" (func $no_iii))
  (export "path_remove_directory" (func $no_iii))
  (export "path_unlink_file" (func $no_iii))
  (export "sock_accept" (func $no_iii))
  (func $no_iiiii (param i32 i32 i32 i32 i32) (result i32) (i32.const 52))
  (export "path_filestat_get" (func $no_iiiii))
  (export "path_symlink" (func $no_iiiii))
  (export "sock_send" (func $no_iiiii))
  (func $no_iiiiii (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 52))
  (export "path_readlink" (func $no_iiiiii))
  (export "path_rename" (func $no_iiiiii))
  (export "sock_recv" (func $no_iiiiii))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 52))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 52))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 52))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 52)))
