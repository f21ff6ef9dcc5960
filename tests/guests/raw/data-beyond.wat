;; Has a data segment that lies beyond its memory.
;; [more
(data (i32.const 131072) "x")
;; ]
