;; Wants 40 tables.
;; [more
;; times 40 (table 0 funcref)
;; ]
