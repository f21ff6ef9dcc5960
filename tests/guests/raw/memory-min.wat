;; Wants a page more from the start than its manifest's 16 MiB.
;; [memory
(memory (export "memory") 257)
;; ]
