;; One instruction writes a table of 60,000 elements, again and again.
;; [more
(table $table 60000 funcref)
;; ]
;; [attempt
(func $attempt (result i32)
  (loop $again
    (table.fill $table (i32.const 0) (ref.null func) (i32.const 60000))
    (br $again))
  (unreachable))
;; ]
