;; Sends a request with 4,096 headers, all of them the same 256 KiB: a gigabyte for the host.
;; [imports
(import "nexus:shard/egress@0.1.0" "send"
  (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
;; ]
;; [memory
(memory (export "memory") 32)
;; ]
;; [more
(data (i32.const 2048) "GET")
(data (i32.const 2064) "https://graph.microsoft.com/v1.0/users")
;; ]
;; [attempt
(func $attempt (result i32)
  (local $at i32) (local $left i32)
  (memory.fill (i32.const 131072) (i32.const 120) (i32.const 262144))
  (local.set $at (i32.const 524288))
  (local.set $left (i32.const 4096))
  (loop $next
    (i32.store (local.get $at) (i32.const 2048))
    (i32.store (i32.add (local.get $at) (i32.const 4)) (i32.const 3))
    (i32.store (i32.add (local.get $at) (i32.const 8)) (i32.const 131072))
    (i32.store (i32.add (local.get $at) (i32.const 12)) (i32.const 262144))
    (local.set $at (i32.add (local.get $at) (i32.const 16)))
    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
    (br_if $next (local.get $left)))
  (call $send (i32.const 2048) (i32.const 3) (i32.const 2064) (i32.const 38) (i32.const 524288) (i32.const 4096)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 3072))
  (i32.const 512))
;; ]
