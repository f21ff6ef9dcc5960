;; Takes memory in being started, and dies when there is no more.
;; [more
(func $start
  (loop $again
    (if (i32.ne (memory.grow (i32.const 16)) (i32.const -1)) (then (br $again))))
  (unreachable))
(start $start)
;; ]
