;; Does not come back from being started.
;; [more
(func $start (loop $again (br $again)))
(start $start)
;; ]
