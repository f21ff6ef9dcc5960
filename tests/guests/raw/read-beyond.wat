;; Reads beyond its memory.
;; [attempt
(func $attempt (result i32) (i32.load (i32.const -8)))
;; ]
