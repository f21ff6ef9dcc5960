;; Has 50,000 data segments of a byte each.
;; [more
;; times 50000 (data (i32.const 4096) "x")
;; ]
