;; Wants the reply to its request written beyond its memory.
;; [imports
(import "nexus:shard/egress@0.1.0" "send"
  (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
;; ]
;; [more
(data (i32.const 2048) "GET")
(data (i32.const 2064) "https://evil.test/")
;; ]
;; [attempt
(func $attempt (result i32)
  (call $send (i32.const 2048) (i32.const 3) (i32.const 2064) (i32.const 18) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -8))
  (i32.const 512))
;; ]
