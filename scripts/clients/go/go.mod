module purchase

go 1.23
