;; Wants a table of ten million elements from the start.
;; [more
(table 10000000 funcref)
;; ]
