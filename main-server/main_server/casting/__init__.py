"""Who answers on which device, with which engines: roles and providers of accounts, as the talk wants them."""
