;; Tries nothing: the control of all that stay out.
