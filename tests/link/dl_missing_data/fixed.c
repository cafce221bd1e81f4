int nowhere = 12;
