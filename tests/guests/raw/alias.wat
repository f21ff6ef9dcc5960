;; Its result has 4,096 blocks, all of them the same text of 256 KiB: a gigabyte for the host.
;; [memory
(memory (export "memory") 32)
;; ]
;; [attempt
(func $attempt (result i32)
  (local $at i32) (local $left i32)
  (memory.fill (i32.const 131072) (i32.const 120) (i32.const 262144))
  (local.set $at (i32.const 524288))
  (local.set $left (i32.const 4096))
  (loop $next
    ;; A text at 131072; a block takes 44 bytes, as the largest kind does.
    (i32.store (i32.add (local.get $at) (i32.const 4)) (i32.const 131072))
    (i32.store (i32.add (local.get $at) (i32.const 8)) (i32.const 262144))
    (local.set $at (i32.add (local.get $at) (i32.const 44)))
    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
    (br_if $next (local.get $left)))
  (i32.store (i32.const 532) (i32.const 524288))
  (i32.store (i32.const 536) (i32.const 4096))
  (i32.const 512))
;; ]
