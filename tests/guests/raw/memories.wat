;; Has 16 memories.
;; [more
;; times 15 (memory 1)
;; ]
