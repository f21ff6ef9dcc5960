;; Has 4 empty tables, which take room in the pool for all shards' instances.
;; [more
;; times 4 (table 0 funcref)
;; ]
