<?php

$_LANG['manage'] = 'Administrar la VM';
$_LANG['start'] = 'Iniciar';
$_LANG['shutdown'] = 'Apagar';
$_LANG['reboot'] = 'Reiniciar';
$_LANG['name'] = 'Nombre';
$_LANG['status'] = 'Estado';
$_LANG['address'] = 'Dirección IP';
$_LANG['traffic'] = 'Tráfico de este mes';
$_LANG['in'] = 'entrante';
$_LANG['out'] = 'saliente';
$_LANG['unavailable'] = 'No se puede acceder a la VM en este momento. Inténtelo más tarde.';
$_LANG['forbidden'] = 'Su plan no incluye esta función.';
$_LANG['state_running'] = 'En ejecución';
$_LANG['state_stopped'] = 'Detenida';
$_LANG['state_suspended'] = 'Suspendida';
$_LANG['state_installing'] = 'Instalándose';
$_LANG['state_changing'] = 'Modificándose';
$_LANG['state_removed'] = 'Eliminada';
$_LANG['state_unknown'] = 'Desconocido';
