module nexus.invalid/guest-go

go 1.24
