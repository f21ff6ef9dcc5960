;; Asks for the next page of a search that it never began.
;; [imports
(import "nexus:shard/directory@0.1.0" "[method]pages.next" (func $next (param i32 i32)))
;; ]
;; [attempt
(func $attempt (result i32)
  (call $next (i32.const 4711) (i32.const 3072))
  (i32.const 512))
;; ]
