;; Asks for 4 GiB less a page. It is told no, and says so.
;; [attempt
(func $attempt (result i32)
  (if (i32.eq (memory.grow (i32.const 65533)) (i32.const -1)) (then (return (i32.const 576))))
  (i32.const 512))
;; ]
