;; Sends a request whose address is no UTF-8.
;; [imports
(import "nexus:shard/egress@0.1.0" "send"
  (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
;; ]
;; [more
(data (i32.const 2048) "https://\ff\fe/")
;; ]
;; [attempt
(func $attempt (result i32)
  (call $send (i32.const 1040) (i32.const 2) (i32.const 2048) (i32.const 11) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 3072))
  (i32.const 512))
;; ]
