;; Imports what would show it a secret.
;; [imports
(import "nexus:shard/secrets@0.1.0" "reveal" (func $reveal (param i32 i32 i32)))
;; ]
;; [attempt
(func $attempt (result i32)
  (call $reveal (i32.const 1040) (i32.const 2) (i32.const 3072))
  (i32.const 512))
;; ]
