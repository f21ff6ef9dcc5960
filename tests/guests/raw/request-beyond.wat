;; Sends a request whose address lies beyond its memory.
;; [imports
(import "nexus:shard/egress@0.1.0" "send"
  (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
;; ]
;; [attempt
(func $attempt (result i32)
  (call $send (i32.const 1040) (i32.const 2) (i32.const -64) (i32.const 38) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 3072))
  (i32.const 512))
;; ]
