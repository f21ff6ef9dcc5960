;; Dies in being started.
;; [more
(func $start (unreachable))
(start $start)
;; ]
