;; Asks for a table of a hundred million elements. It is told no, and says so.
;; [more
(table $table 1 funcref)
;; ]
;; [attempt
(func $attempt (result i32)
  (if (i32.eq (table.grow $table (ref.null func) (i32.const 100000000)) (i32.const -1))
    (then (return (i32.const 576))))
  (i32.const 512))
;; ]
