;; Its result lies beyond its memory.
;; [attempt
(func $attempt (result i32) (i32.const -64))
;; ]
